import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version in this app's package.json. @param appDirectory the folder that holds it */
export function readVersion(appDirectory: string): string {
  return (JSON.parse(readFileSync(join(appDirectory, 'package.json'), 'utf8')) as { version: string }).version;
}
