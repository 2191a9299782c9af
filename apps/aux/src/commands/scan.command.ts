import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from './errors.js';
import { globMatcher, MAX_PATTERN_BYTES } from './glob.js';

const DEFAULT_COUNT = 10;
/** Records that one step looks at, at most: the event loop is not to be held up. */
const MAX_COUNT = 100_000;
/** Time of one step, ms: one that matches long keys with a long pattern looks at fewer records than it was asked to. */
const BUDGET_MS = 10;
/** Records between two looks at the clock. */
const CHUNK = 16;
const PATTERN_TOO_LONG = Reply.error(`ERR a pattern has at most ${MAX_PATTERN_BYTES} bytes`);
const CURSOR = /^\d{1,15}$/;

export const scan = {
  name: 'SCAN',
  arity: -2,
  access: 'read',
  flags: ['readonly'],
  keys: NO_KEYS,
  summary: 'SCAN <cursor> [MATCH <pattern>] [COUNT <n>] [TYPE <type>]: a step through the keys of this node',
  run({ request, node }) {
    const cursorText = request.binary(1);
    let matches: ((key: string) => boolean) | undefined;
    let count = DEFAULT_COUNT;
    let strings = true;
    if (!CURSOR.test(cursorText)) return Reply.error('ERR invalid cursor');
    for (let i = 2; i < request.argc; i += 2) {
      if (i + 1 >= request.argc) return SYNTAX_ERROR;
      switch (request.upper(i)) {
        case 'MATCH':
          matches = globMatcher(request.binary(i + 1));
          if (matches === undefined) return PATTERN_TOO_LONG;
          break;
        case 'COUNT': {
          const given = request.integer(i + 1);
          if (given === undefined) return NOT_AN_INTEGER;
          if (given < 1) return SYNTAX_ERROR;
          count = Math.min(given, MAX_COUNT);
          break;
        }
        case 'TYPE':
          strings = request.upper(i + 1) === 'STRING';
          break;
        default:
          return SYNTAX_ERROR;
      }
    }
    const keys: string[] = [];
    const visit = (key: string): void => {
      if (strings && (matches === undefined || matches(key))) keys.push(Reply.bulk(key));
    };
    const until = node.monotonic() + BUDGET_MS;
    let next = Number(cursorText);
    for (let left = count; left > 0; left -= CHUNK) {
      next = node.store.scan(next, Math.min(left, CHUNK), visit);
      if (next === 0 || node.monotonic() >= until) break;
    }
    return Reply.arrayHeader(2) + Reply.bulk(String(next)) + Reply.arrayHeader(keys.length) + keys.join('');
  },
} as const satisfies Command;
