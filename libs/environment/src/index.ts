export { isEveryAddress, isLoopback } from './addresses.js';
export { allows, type ApiToken, ApiTokens, type Role, ROLES } from './api-tokens.js';
export { CONFIG_EXIT_CODE, ConfigError, problem, shownValue } from './config-error.js';
export { keepFilesPrivate, privateDirectory } from './private-files.js';
export { type Environment, readVariables, type VariableSource } from './read-variables.js';
export { secretLines } from './secret-text.js';
export { SECRET_VARIABLES, SHARED_VARIABLES, sharedProblems } from './shared-variables.js';
export { type Conflict, startRefusal } from './start-refusal.js';
export { choice, flag, integer, optionalText, text } from './variables.js';
