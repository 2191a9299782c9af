import 'reflect-metadata';
import { keepFilesPrivate } from '@dcs/environment';
import { processEnvironment } from './config/load-config.js';
import { run } from './run.js';

keepFilesPrivate();
void run(process, processEnvironment());
