import { type AuxConfig, loadConfig } from './config.js';

/** The configuration of this process. @throws ConfigError */
export function configFromEnvironment(readFile: (path: string) => string): AuxConfig {
  return loadConfig({ env: process.env, readFile, pid: process.pid });
}
