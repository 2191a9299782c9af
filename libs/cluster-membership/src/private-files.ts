/** Who is in, and where, is for the user of the processes alone. */
export const PRIVATE_DIRECTORY = { recursive: true, mode: 0o700 } as const;
export const PRIVATE_FILE = { mode: 0o600 } as const;
