import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OPTION_NAMES, optionSpec } from './options.js';

const PROJECT = join(__dirname, '..');
const readme = readFileSync(join(PROJECT, 'README.md'), 'utf8');

describe('README.md', () => {
  it('has the table of options that the parser has', () => {
    const rows = readme.split('\n').filter((line) => line.startsWith('| `--'));
    const table = rows.map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    expect(table).toEqual(
      OPTION_NAMES.map((name) => {
        const { argument, short, default: value, text } = optionSpec(name);
        const flag = `\`--${name}${argument === undefined ? '' : ` ${argument}`}\``;
        return [short === undefined ? flag : `${flag}, \`-${short}\``, value === undefined ? '' : `\`${value}\``, text];
      }),
    );
  });

  it('lists every error code', () => {
    const source = readFileSync(join(PROJECT, 'src/errors.ts'), 'utf8');
    const codes = source.match(/'ERR_\w+'/g) ?? [];
    expect(codes.length).toBeGreaterThan(5);
    for (const code of codes) expect(readme).toContain(`\`${code.slice(1, -1)}\``);
  });
});
