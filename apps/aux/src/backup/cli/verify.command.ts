import type { BackupFile } from '../archive.js';
import { type BackupFiles, codeOf } from '../backup-files.js';
import { FileReader, readRecords } from '../file-reader.js';
import type { Arguments } from './arguments.js';
import { openBackupSource } from './backup-source.js';
import { Progress, type Terminal } from './terminal.js';

interface VerifiedFile {
  readonly path: string;
  readonly records: number;
  readonly problems: readonly string[];
}

/**
 * Reads every byte and every record. Returns the exit code: 1 when anything is not as it was written. What a running
 * node removes meanwhile, because newer files replace it, is left out.
 */
export async function verify(args: Arguments, terminal: Terminal): Promise<number> {
  const { archive, disk, clusters } = await openBackupSource(args);
  const files = (await Promise.all(clusters.map((folder) => archive.files(folder)))).flat();
  const progress = new Progress(terminal);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const verified: VerifiedFile[] = [];
  let done = 0;
  for (const file of files) {
    const result = await verifyFile(disk, file);
    done += file.size;
    progress.show(total === 0 ? 1 : done / total, file.name);
    if (result === undefined) continue;
    verified.push(result);
    if (!args.json && result.problems.length > 0) {
      progress.end();
      for (const problem of result.problems) terminal.out.write(`${file.path}: ${problem}\n`);
    }
  }
  progress.end();
  const bad = verified.filter(({ problems }) => problems.length > 0).length;
  const removed = files.length - verified.length;
  if (args.json) terminal.out.write(`${JSON.stringify({ files: verified, damaged: bad, removed }, null, 2)}\n`);
  else {
    const result = bad === 0 ? 'all sound' : `${bad} damaged or incomplete`;
    const gone = removed === 0 ? '' : `, ${removed} removed meanwhile`;
    terminal.out.write(`${verified.length} files read, ${result}${gone}\n`);
  }
  return bad === 0 ? 0 : 1;
}

/** `undefined` when it is not there any more. */
async function verifyFile(disk: BackupFiles, { path, problem }: BackupFile): Promise<VerifiedFile | undefined> {
  if (problem !== undefined) return { path, records: 0, problems: [problem.message] };
  const problems: string[] = [];
  let records = 0;
  let reader: FileReader | undefined;
  try {
    reader = await FileReader.open(disk, path);
    if (reader.headIsDamaged) problems.push('its head is damaged');
    if (reader.foot === undefined) problems.push('its end is missing or damaged: it is not complete');
    let damaged = 0;
    for await (const block of reader.blocks()) {
      if (!block.sound) damaged++;
      else records += countRecords(block.raw);
    }
    if (damaged > 0) problems.push(`${damaged} damaged blocks`);
    const { foot } = reader;
    if (foot !== undefined && records !== foot.entries + foot.tombstones) {
      problems.push(`${records} records, ${foot.entries + foot.tombstones} were written`);
    }
    if (foot !== undefined && !(await reader.isBodySound())) problems.push('its checksum is wrong');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    problems.push((error as Error).message);
  } finally {
    await reader?.close();
  }
  return { path, records, problems };
}

function countRecords(raw: Buffer): number {
  let count = 0;
  readRecords(raw, 0, () => ++count > 0);
  return count;
}
