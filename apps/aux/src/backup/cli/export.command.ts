import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { formatVersion, fromBinary, fromBinaryStrict, KIND_JSON, rawContentType, SlotSet } from '@dcs/protocol';
import { type Entry, isTombstone, supersedes, valueOf } from '../../node/entry.js';
import { GROUPS, SLOTS_PER_GROUP } from '../format.js';
import type { Arguments } from './arguments.js';
import { openBackupSource, restoreOf } from './backup-source.js';
import { Progress, type Terminal } from './terminal.js';

/** Entries held in memory at a time, about: an archive with more is read in several passes over its groups of slots. */
const ENTRIES_PER_PASS = 1_000_000;

/** Writes every entry as one line of JSON. Returns the exit code. */
export async function exportEntries(args: Arguments, terminal: Terminal): Promise<number> {
  const source = await openBackupSource(args);
  const restore = restoreOf(source, terminal);
  const files = await source.archive.files(source.clusters[0]!);
  const total = files.reduce((sum, { foot }) => sum + (foot?.entries ?? 0), 0);
  const passes = Math.min(GROUPS, Math.max(1, Math.ceil(total / ENTRIES_PER_PASS)));
  const out = args.out === undefined ? terminal.out : createWriteStream(args.out);
  const failed = args.out === undefined ? undefined : once(out, 'error').then(([error]) => Promise.reject(error as Error)); // prettier-ignore
  failed?.catch(() => undefined); // told below
  const progress = new Progress(terminal);
  let written = 0;
  for (let pass = 0; pass < passes; pass++) {
    const entries = new Map<string, Entry>();
    await restore.restore(slotsOfPass(pass, passes), (key, entry) => {
      const known = entries.get(key);
      if (known === undefined || supersedes(entry, known)) entries.set(key, entry);
      progress.show(pass / passes, `${written + entries.size} entries`);
    });
    for (const [key, entry] of entries) {
      if (isTombstone(entry) || (entry.expiresAt !== 0 && entry.expiresAt <= terminal.now())) continue;
      written++;
      const drained = out.write(`${lineOf(key, entry)}\n`);
      if (!drained) await Promise.race([once(out, 'drain'), ...(failed === undefined ? [] : [failed])]);
    }
  }
  if (args.out !== undefined) {
    out.end();
    await Promise.race([finished(out), failed]);
  }
  progress.end();
  const { damagedBlocks } = restore.progress;
  terminal.error.write(`${written} entries${damagedBlocks > 0 ? `, ${damagedBlocks} damaged blocks left out` : ''}\n`);
  return damagedBlocks > 0 ? 1 : 0;
}

function slotsOfPass(pass: number, passes: number): SlotSet {
  const slots = new SlotSet();
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (Math.floor(slot / SLOTS_PER_GROUP) % passes === pass) slots.add(slot);
  }
  return slots;
}

/** `value` is what was stored: JSON as JSON, text as a string, other bytes in base64, which `encoding` tells. */
function lineOf(key: string, entry: Entry): string {
  const utf8Key = fromBinaryStrict(key);
  const contentType = rawContentType(entry.kind);
  return JSON.stringify({
    ...(utf8Key === undefined ? { keyBase64: base64(key) } : { key: utf8Key }),
    ...valueFields(entry),
    ...(contentType === undefined ? {} : { contentType }),
    version: formatVersion(entry),
    ...(entry.expiresAt === 0 ? {} : { expiresAt: entry.expiresAt }),
  });
}

function valueFields(entry: Entry): { value: unknown; encoding?: 'base64' } {
  const value = valueOf(entry);
  if (entry.kind === KIND_JSON) {
    try {
      return { value: JSON.parse(fromBinary(value)) as unknown };
    } catch {
      // as any other text
    }
  }
  const text = fromBinaryStrict(value);
  return text === undefined ? { value: base64(value), encoding: 'base64' } : { value: text };
}

function base64(binary: string): string {
  return Buffer.from(binary, 'latin1').toString('base64');
}
