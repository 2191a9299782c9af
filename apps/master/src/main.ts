import 'reflect-metadata';
import { processEnvironment } from './config/load-config.js';
import { run } from './run.js';

void run(process, processEnvironment());
