const STALE_VIEW = /^STALEVIEW (\d{1,15})$/;

/** The epoch that a `-STALEVIEW` reply names; 0 for every other error. */
export function staleViewEpoch(error: Error): number {
  const match = STALE_VIEW.exec(error.message);
  return match === null ? 0 : Number(match[1]);
}
