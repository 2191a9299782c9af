import { keepFilesPrivate } from '@dcs/environment';
import { run } from './run.js';

keepFilesPrivate();

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // `| head` has had enough
  throw error;
});
process.exitCode = await run(process.argv.slice(2), {
  out: process.stdout,
  error: process.stderr,
  isInteractive: process.stderr.isTTY === true,
  now: Date.now,
});
