import { ALWAYS, IF_ABSENT, IF_PRESENT, isVersionText, parseVersion, type WriteCondition } from '@dcs/protocol';
import { GatewayError } from '../errors.js';

// RFC 9110: entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE
const ENTITY_TAG = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`;
const TAG_LIST = new RegExp(String.raw`^[ \t]*${ENTITY_TAG}(?:[ \t]*,[ \t]*${ENTITY_TAG})*[ \t]*$`);
const EACH_TAG = new RegExp(ENTITY_TAG, 'g');

export function entityTag(version: string): string {
  return `"${version}"`;
}

/** Whether `If-None-Match` names this version (weak comparison, lists and `*`): then the answer is 304. */
export function matchesNone(header: string | undefined, version: string): boolean {
  if (header === undefined) return false;
  const tag = entityTag(version);
  if (header === tag || header.trim() === '*') return true;
  return tags('If-None-Match', header).some((candidate) => candidate === tag || candidate === `W/${tag}`);
}

/**
 * The condition that `If-Match` and `If-None-Match` put on a write.
 * @throws GatewayError ERR_BAD_REQUEST for what cannot be understood, ERR_PRECONDITION_FAILED for a tag that no entry
 * can have
 */
export function writeCondition(ifMatch: string | undefined, ifNoneMatch: string | undefined): WriteCondition {
  if (ifMatch === undefined && ifNoneMatch === undefined) return ALWAYS;
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw new GatewayError('ERR_BAD_REQUEST', 'If-Match and If-None-Match exclude each other');
  }
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === '*') return IF_ABSENT;
    throw new GatewayError('ERR_BAD_REQUEST', 'If-None-Match on a write must be *');
  }
  if (ifMatch!.trim() === '*') return IF_PRESENT;
  const candidates = tags('If-Match', ifMatch!);
  if (candidates.length > 1) throw new GatewayError('ERR_BAD_REQUEST', 'If-Match on a write must be one version or *');
  // Strong comparison: a weak tag matches nothing.
  const version = candidates[0]!.slice(1, -1);
  if (!isVersionText(version)) {
    throw new GatewayError('ERR_PRECONDITION_FAILED', 'the entry is not in the state asked for');
  }
  return { if: 'version', version: parseVersion(version) };
}

function tags(name: string, header: string): string[] {
  if (!TAG_LIST.test(header)) {
    throw new GatewayError('ERR_BAD_REQUEST', `${name} must be * or a list of quoted versions`);
  }
  return header.match(EACH_TAG) ?? [];
}
