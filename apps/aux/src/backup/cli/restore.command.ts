import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { secretLines } from '@dcs/environment';
import { SlotSet } from '@dcs/protocol';
import { type Arguments, UsageError } from './arguments.js';
import { ClusterLink, mayPass } from './cluster-link.js';
import { openBackupSource, restoreOf } from './backup-source.js';
import { Progress, type Terminal } from './terminal.js';

const MAX_ATTEMPTS = 5;
const PAUSE_MS = 1000;

/** Sends what there is to a running cluster, versions kept. Returns the exit code. */
export async function restoreToCluster(args: Arguments, terminal: Terminal): Promise<number> {
  const source = await openBackupSource(args);
  const restore = restoreOf(source, terminal);
  const link = new ClusterLink({ node: args.node!, secrets: await secretsOf(args) });
  const progress = new Progress(terminal);
  let sent = 0;
  let refused = 0;
  try {
    await link.refresh();
    const all = SlotSet.of(Array.from({ length: SLOT_COUNT }, (_, slot) => slot));
    const settle = async (): Promise<void> => {
      await link.drained();
      if (link.failed.length > 0) refused += await retry(link, terminal);
    };
    await restore.restore(
      all,
      (key, entry) => {
        sent++;
        link.send(key, entry);
        const { filesRead, filesToRead } = restore.progress;
        progress.show(filesRead / filesToRead, `${sent} entries sent`);
      },
      settle,
    );
    await link.drained(true);
    if (link.failed.length > 0) refused += await retry(link, terminal);
  } finally {
    progress.end();
    await link.close();
  }
  const { damagedBlocks, expired } = restore.progress;
  terminal.error.write(
    `${sent - refused} entries and deletes restored, ${expired} expired ones left out` +
      `${refused > 0 ? `, ${refused} not taken` : ''}${damagedBlocks > 0 ? `, ${damagedBlocks} damaged blocks` : ''}\n`,
  );
  return refused > 0 || damagedBlocks > 0 ? 1 : 0;
}

/** Sends again what failed, to those who own it by then. Returns how many the cluster did not take. */
async function retry(link: ClusterLink, terminal: Terminal): Promise<number> {
  let refused = 0;
  for (let attempt = 1; ; attempt++) {
    await link.drained(true);
    const failed = link.failed.splice(0);
    if (failed.length === 0) return refused;
    const again = failed.filter(({ error }) => mayPass(error));
    const first = failed.find(({ error }) => !mayPass(error));
    if (first !== undefined) terminal.error.write(`not taken: ${first.error.message}\n`);
    refused += failed.length - again.length;
    if (attempt === MAX_ATTEMPTS) {
      if (again[0] !== undefined) terminal.error.write(`given up: ${again[0].error.message}\n`);
      return refused + again.length;
    }
    await sleep(PAUSE_MS);
    await link.refresh().catch((error: Error) => terminal.error.write(`${error.message}\n`));
    for (const { key, entry } of again) {
      link.send(key, entry);
      await link.drained();
    }
  }
}

async function secretsOf({ secretFile }: Arguments): Promise<readonly string[]> {
  if (secretFile === undefined) return [];
  try {
    return secretLines(await readFile(secretFile, 'utf8'));
  } catch (error) {
    throw new UsageError(`--secret-file: ${(error as Error).message}`);
  }
}
