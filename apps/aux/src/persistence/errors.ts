export type DiskErrorCode =
  /** Another process holds the folder. */
  | 'ERR_DISK_LOCKED'
  /** The directory is missing, or cannot be written to. */
  | 'ERR_DISK_DIRECTORY'
  /** The data was written by a newer version. */
  | 'ERR_DISK_SCHEMA'
  /** The file is not ours. */
  | 'ERR_DISK_FOREIGN'
  /** Something could not be written. */
  | 'ERR_DISK_WRITE';

/** What is wrong with a disk, in one line that says what to do. */
export class DiskError extends Error {
  override readonly name = 'DiskError';

  constructor(
    readonly code: DiskErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** `ENOSPC: no space left on device` out of `ENOSPC: no space left on device, write`. */
export function reasonOf(error: unknown): string {
  const { message } = error as Error;
  return (/^E[A-Z0-9]+: [^,]+/.exec(message)?.[0] ?? message).replaceAll('\n', ' ');
}

export function isFull(error: Error | undefined): boolean {
  return error !== undefined && /ENOSPC|EDQUOT/.test(error.message);
}
