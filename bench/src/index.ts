import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { benchmarkBackup } from './backup.js';
import { benchmarkDurability } from './durability.js';
import { benchmarkHttp } from './http.js';
import { benchmarkMemory } from './memory.js';
import { type Benchmark, type Options, parseOptions } from './options.js';
import { writeResult } from './report.js';
import { redisUnavailable } from './redis-server.js';
import { benchmarkResp } from './resp.js';

const options = parseOptions(process.argv.slice(2));
for (const name of options.only) {
  process.stderr.write(`${name} ...\n`);
  await run(name, options);
}

async function run(name: Benchmark, options: Options): Promise<void> {
  switch (name) {
    case 'http':
      return print(name, await benchmarkHttp(options));
    case 'durability':
      return print(name, await benchmarkDurability(options));
    case 'resp': {
      const reason = redisUnavailable();
      if (reason !== undefined) return void process.stdout.write(`resp skipped: ${reason}\n`);
      return print(name, await benchmarkResp(options));
    }
    case 'memory':
      return print(name, await benchmarkMemory(options));
    case 'backup':
      return print(name, await benchmarkBackup(options));
    case 'lru':
    case 'ring':
      return runScript(name, ['--write', '--rounds', String(options.rounds)]);
  }
}

async function print(name: Benchmark, report: string): Promise<void> {
  const path = await writeResult(name, report);
  process.stdout.write(`${report}\n-> ${path}\n\n`);
}

/** The data structures are measured by scripts that write their own results, each in a process of its own. */
async function runScript(name: Benchmark, args: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  if (!existsSync(script)) throw new Error(`${script} is missing`);
  const child = spawn(process.execPath, [...process.execArgv, script, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${name} ended with exit code ${code}`);
}
