/** What can go wrong in the launcher. Branch on the code: messages are for people and change. */
export type LauncherErrorCode =
  | 'ERR_USAGE'
  | 'ERR_PLATFORM'
  | 'ERR_NOT_BUILT'
  | 'ERR_PORT_IN_USE'
  | 'ERR_ADDRESS_UNUSABLE'
  | 'ERR_DATA_DIR_LOCKED'
  | 'ERR_DATA_DIR_UNUSABLE'
  | 'ERR_PROCESS_DIED'
  | 'ERR_NOT_READY'
  | 'ERR_STILL_RUNNING'
  | 'ERR_UNKNOWN_PROCESS'
  | 'ERR_STOPPED';

/** The one error class of the launcher. */
export class LauncherError extends Error {
  override readonly name = 'LauncherError';
  readonly code: LauncherErrorCode;

  constructor(code: LauncherErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Exit statuses of the command, as `--help` lists them. */
export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
/** `EX_USAGE` of sysexits(3): a wrong option. */
export const EXIT_USAGE = 64;
/** What a shell reports for a process that signal number `n` ended: 128 + n. */
export const EXIT_SIGNAL_BASE = 128;
