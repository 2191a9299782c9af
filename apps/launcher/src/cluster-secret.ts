import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const SECRET_BYTES = 24;
const OWNER_ONLY = 0o600;

/** Where the launcher keeps the secret that it makes. */
export function clusterSecretFile(dataDir: string): string {
  return join(dataDir, 'cluster-secret');
}

/** Makes the secret of the processes, unless an earlier run has. The caller has the directory for itself. */
export async function ensureClusterSecret(file: string): Promise<void> {
  const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (known.trim() !== '') return chmod(file, OWNER_ONLY);
  const draft = `${file}.draft`; // never a file with half a secret
  await writeFile(draft, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, { mode: OWNER_ONLY });
  await rename(draft, file);
}
