import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateDirectory } from './private-files.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dcs-private-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const mode = (path: string) => statSync(path).mode & 0o777;

test('a directory is for its owner alone, new or as an earlier release has left it', async () => {
  const old = join(directory, 'old');
  mkdirSync(old);
  chmodSync(old, 0o755);
  await privateDirectory(old);
  const fresh = join(directory, 'a', 'b');
  await privateDirectory(fresh);
  expect([mode(old), mode(fresh)]).toEqual([0o700, 0o700]);
});
