import { connectionsWithin, memoryLimits, openFileLimit } from '@dcs/environment';
import { type AuxConfig, loadConfig } from './config.js';

/** Connections of the ops port, which are none of clients. */
export const OPS_CONNECTIONS = 16;
/** Connections of other nodes and gateways that find those of clients all taken. */
export const MAX_LINKS = 32;
/** Files of the disk and of backups, the registry, a link to each other node. */
const OWN_DESCRIPTORS = 48;

const RESERVED = OPS_CONNECTIONS + MAX_LINKS + OWN_DESCRIPTORS;

/** The configuration of this process. @throws ConfigError */
export function configFromEnvironment(readFile: (path: string) => string): AuxConfig {
  return loadConfig({ env: process.env, readFile, pid: process.pid, memory: memoryLimits() });
}

/**
 * With no more connections than leave room for the node's own files and links.
 * @param limit of open files
 * @throws ConfigError when hardly any would be left
 */
export function withinOpenFiles(config: AuxConfig, limit = openFileLimit()): AuxConfig {
  const maxConnections = connectionsWithin(config.maxConnections, RESERVED, limit);
  return Object.freeze({ ...config, maxConnections });
}
