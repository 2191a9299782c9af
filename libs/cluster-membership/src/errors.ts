/** Stable codes; branch on these, never on a message. */
export type MembershipErrorCode =
  | 'ERR_INVALID_OPTION'
  | 'ERR_MEMBERSHIP_CLOSED'
  | 'ERR_JOIN_TIMEOUT'
  | 'ERR_WAIT_TIMEOUT'
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

/** Told by the code, so that an error of another copy of this package counts too. */
export function isMembershipError(error: unknown): error is MembershipError {
  const code = (error as MembershipError | undefined)?.code;
  return error instanceof Error && typeof code === 'string' && CODES.has(code);
}

/** Told by the code, like `isMembershipError`. */
export function isSuperseded(error: unknown): error is MemberSupersededError {
  return isMembershipError(error) && error.code === 'ERR_MEMBER_SUPERSEDED';
}

const CODES: ReadonlySet<string> = new Set<MembershipErrorCode>([
  'ERR_INVALID_OPTION',
  'ERR_MEMBERSHIP_CLOSED',
  'ERR_JOIN_TIMEOUT',
  'ERR_WAIT_TIMEOUT',
  'ERR_REGISTRY_UNAVAILABLE',
  'ERR_REGISTRY_TIMEOUT',
  'ERR_REGISTRY_CORRUPT',
  'ERR_REGISTRY_CLOSED',
  'ERR_MEMBER_SUPERSEDED',
]);

/** Refuses what is no object, and fields that nobody reads: a misspelt option is worse than none. Shows no values. */
export function checkFields(what: string, given: object, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null) throw invalid(what, given, 'an object');
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || known.includes(name)) continue;
    throw new MembershipError(
      'ERR_INVALID_OPTION',
      `${what}: there is no ${JSON.stringify(name)}, only ${known.join(', ')}`,
    );
  }
}

/** An option is not what it must be. */
export function invalid(option: string, got: unknown, wanted: string): MembershipError {
  const shown = typeof got === 'string' ? JSON.stringify(got) : String(got);
  return new MembershipError('ERR_INVALID_OPTION', `${option}: got ${shown}, want ${wanted}`);
}
