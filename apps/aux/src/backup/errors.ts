export type BackupErrorCode =
  /** Not a backup, or too damaged to say what it holds. */
  | 'ERR_BACKUP_DAMAGED'
  /** Written by a later version of this program. */
  | 'ERR_BACKUP_VERSION'
  /** The disk did not answer in time. */
  | 'ERR_BACKUP_TIMEOUT'
  /** The store was flushed while it was read: what was read is not what it holds. */
  | 'ERR_BACKUP_FLUSHED'
  /** There is a backup that may hold the newest entries, and it cannot be read. */
  | 'ERR_BACKUP_UNREADABLE'
  /** It was closed meanwhile. */
  | 'ERR_BACKUP_CLOSED';

export class BackupError extends Error {
  override readonly name = 'BackupError';

  constructor(
    readonly code: BackupErrorCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}
