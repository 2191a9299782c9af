import { connectionsWithin, openFileLimit } from '@dcs/environment';
import { type AuxConfig, loadConfig } from './config.js';

/** Connections of the ops port, which are none of clients. */
export const OPS_CONNECTIONS = 32;
/** Files of the disk and of backups, the registry, a link to each other node. */
const OWN_DESCRIPTORS = 64;

/** The configuration of this process. @throws ConfigError */
export function configFromEnvironment(readFile: (path: string) => string): AuxConfig {
  return loadConfig({ env: process.env, readFile, pid: process.pid });
}

/**
 * With no more connections than leave room for the node's own files and links.
 * @param limit of open files
 * @throws ConfigError when hardly any would be left
 */
export function withinOpenFiles(config: AuxConfig, limit = openFileLimit()): AuxConfig {
  const maxConnections = connectionsWithin(config.maxConnections, OPS_CONNECTIONS + OWN_DESCRIPTORS, limit);
  return Object.freeze({ ...config, maxConnections });
}
