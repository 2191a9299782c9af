import { readFileSync } from 'node:fs';

/** The version of this app; the package file is one level above both src/ and dist/. */
export const version = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
