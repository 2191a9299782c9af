/** Stable codes; branch on these, never on a message. */
export type MembershipErrorCode =
  | 'ERR_INVALID_OPTION'
  | 'ERR_MEMBERSHIP_CLOSED'
  | 'ERR_JOIN_TIMEOUT'
  | RegistryErrorCode;

export type RegistryErrorCode =
  | 'ERR_REGISTRY_UNAVAILABLE'
  | 'ERR_REGISTRY_TIMEOUT'
  | 'ERR_REGISTRY_CORRUPT'
  | 'ERR_REGISTRY_CLOSED'
  | 'ERR_MEMBER_SUPERSEDED';

/** Base of every error this package throws or rejects with. */
export class MembershipError extends Error {
  readonly code: MembershipErrorCode;

  constructor(code: MembershipErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The registry did not do what was asked. */
export class RegistryError extends MembershipError {
  declare readonly code: RegistryErrorCode;

  constructor(code: RegistryErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** A newer process with the same id holds the lease. */
export class MemberSupersededError extends RegistryError {
  /** The incarnation that holds the lease. */
  readonly currentIncarnation: number;

  constructor(id: string, incarnation: number, currentIncarnation: number) {
    super(
      'ERR_MEMBER_SUPERSEDED',
      `member ${JSON.stringify(id)}: incarnation ${incarnation} was superseded by ${currentIncarnation}, which holds the ` +
        'lease: another process runs with the same id',
    );
    this.currentIncarnation = currentIncarnation;
  }
}

/** An option is not what it must be. */
export function invalid(option: string, got: unknown, wanted: string): MembershipError {
  const shown = typeof got === 'string' ? JSON.stringify(got) : String(got);
  return new MembershipError('ERR_INVALID_OPTION', `${option}: got ${shown}, want ${wanted}`);
}
