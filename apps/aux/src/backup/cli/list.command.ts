import { SLOT_COUNT } from '@dcs/consistent-hash';
import type { BackupFile } from '../archive.js';
import { hasSlot } from '../precedence.js';
import type { Arguments } from './arguments.js';
import { openBackupSource } from './backup-source.js';
import { ageText, bytesText, columns, type Terminal } from './terminal.js';

interface ListedFile {
  readonly node: string;
  readonly file: string;
  readonly path: string;
  readonly createdAt: string;
  readonly ageSeconds: number;
  readonly epoch: number;
  readonly entries: number | null;
  readonly tombstones: number | null;
  readonly bytes: number;
  /** That it has whole. */
  readonly slots: number;
  readonly complete: boolean;
  readonly problem: string | null;
}

interface ListedCluster {
  readonly cluster: string;
  readonly files: readonly ListedFile[];
  /** Slots that some complete file has. */
  readonly slotsCovered: number;
  readonly allSlotsCovered: boolean;
}

/** Prints what there is. Returns the exit code. */
export async function list(args: Arguments, terminal: Terminal): Promise<number> {
  const { archive, clusters } = await openBackupSource(args);
  const listed: ListedCluster[] = [];
  for (const folder of clusters) listed.push(describe(folder, await archive.files(folder), terminal.now()));
  terminal.out.write(args.json ? `${JSON.stringify({ clusters: listed }, null, 2)}\n` : listed.map(textOf).join('\n'));
  if (!args.json && listed.length === 0) terminal.out.write('no backups\n');
  return 0;
}

function describe(folder: string, files: readonly BackupFile[], now: number): ListedCluster {
  const covered = new Uint8Array(SLOT_COUNT / 8);
  for (const { slots } of files) slots.forEach((bits, byte) => (covered[byte]! |= bits));
  const slotsCovered = count(covered);
  return {
    cluster: files.find(({ head }) => head !== undefined)?.head?.cluster ?? folder,
    files: files.map((file) => ({
      node: file.head?.node ?? file.folder,
      file: file.name,
      path: file.path,
      createdAt: new Date(file.createdAt).toISOString(),
      ageSeconds: Math.round((now - file.createdAt) / 1000),
      epoch: file.epoch,
      entries: file.foot?.entries ?? null,
      tombstones: file.foot?.tombstones ?? null,
      bytes: file.size,
      slots: count(file.slots),
      complete: file.foot !== undefined,
      problem: file.problem?.message ?? null,
    })),
    slotsCovered,
    allSlotsCovered: slotsCovered === SLOT_COUNT,
  };
}

function textOf({ cluster, files, slotsCovered, allSlotsCovered }: ListedCluster): string {
  const rows = files.map((file) => [
    file.node,
    file.file,
    ageText(file.ageSeconds * 1000),
    String(file.entries ?? '-'),
    bytesText(file.bytes),
    String(file.slots),
    file.complete ? 'complete' : (file.problem ?? 'incomplete'),
  ]);
  const table = columns([['NODE', 'FILE', 'AGE', 'ENTRIES', 'SIZE', 'SLOTS', 'STATE'], ...rows]);
  const missing = SLOT_COUNT - slotsCovered;
  const summary = allSlotsCovered ? `all ${SLOT_COUNT} slots are covered` : `${missing} of ${SLOT_COUNT} slots are in no complete backup`; // prettier-ignore
  return `cluster ${cluster}\n${table}\n${summary}\n`;
}

function count(slots: Uint8Array): number {
  let size = 0;
  for (let slot = 0; slot < slots.length * 8; slot++) if (hasSlot(slots, slot)) size++;
  return size;
}
