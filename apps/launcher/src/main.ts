import { runCli } from './cli.js';
import { callerEnvironment } from './config/environment.js';

// The reader of our output has gone (`npm start | head`): stop as if asked to.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.emit('SIGTERM');
    else throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: callerEnvironment(),
  signals: process,
});
