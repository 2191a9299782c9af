import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ByteLru, LruCache, LruCacheError, type ByteLruOptions, type LruCacheOptions } from './index.js';

const readme = readFileSync(join(__dirname, '..', 'README.md'), 'utf8');

/** The examples that import a class, their import aside. */
function example(name: string): string {
  const found = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].find((block) => block[1]!.includes(`import { ${name} }`));
  return found![1]!.replace(/^import .*$/m, '').replace(/<string, Buffer>/, '');
}

/** What `options` of a class are, as its error message lists them. */
function known(make: () => unknown): string[] {
  try {
    make();
  } catch (error) {
    if (error instanceof LruCacheError) return /known: (.*)$/.exec(error.message)![1]!.split(', ');
  }
  throw new Error('an unknown option is accepted');
}

/** The first column of the first table under a heading. */
function rows(heading: string): string[] {
  const section = readme.split(`${heading}\n`)[1]!.split('\n#')[0]!;
  const table = section.slice(section.indexOf('\n|'), section.indexOf('\n\n', section.indexOf('\n|')));
  return [...table.matchAll(/^\| `(\w+)`/gm)].map((row) => row[1]!);
}

describe('README', () => {
  it('has an example of ByteLru that runs', () => {
    const lines: unknown[][] = [];
    const run = new Function('ByteLru', 'console', example('ByteLru')) as (...args: unknown[]) => void;
    run(ByteLru, { log: (...values: unknown[]) => lines.push(values) });
    expect(lines[0]).toEqual([3, 7]);
    expect(lines[1]).toEqual(['A'.charCodeAt(0), 3]);
    expect(lines[2]![0]).toEqual(new TextEncoder().encode('user:1'));
    expect(lines.at(-1)![0]).toBe(1);
  });

  it('has an example of LruCache that runs', () => {
    const lines: unknown[][] = [];
    const run = new Function('LruCache', 'setInterval', 'console', example('LruCache')) as (...args: unknown[]) => void;
    run(LruCache, () => ({ unref: () => undefined }), { log: (...values: unknown[]) => lines.push(values) });
    expect(lines.map((line) => line[0])).toEqual(['user:1', 'session:9', 2]);
  });

  it('lists every option', () => {
    expect(rows('## Options')).toEqual(
      known(() => new LruCache({ maxEntries: 1, x: 1 } as LruCacheOptions<string, 1>)),
    );
    expect(rows('### ByteLru options')).toEqual(known(() => new ByteLru({ maxEntries: 1, x: 1 } as ByteLruOptions)));
  });

  it('names every method', () => {
    const names = [ByteLru.prototype, Object.getPrototypeOf(ByteLru.prototype) as object]
      .flatMap((prototype) => Object.getOwnPropertyNames(prototype))
      .filter((name) => name !== 'constructor' && name !== 'check');
    expect(names.filter((name) => !readme.split('### ByteLru methods')[1]!.includes(`\`${name}`))).toEqual([]);
  });
});
