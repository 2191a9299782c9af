import { Reply } from '@dcs/resp';

export const INVALID_CLIENT_NAME = Reply.error(
  'ERR Client names cannot contain spaces, newlines or special characters.',
);
const MAX_NAME_BYTES = 256;
const PRINTABLE = /^[!-~]*$/;

export function isClientName(name: string): boolean {
  return name.length <= MAX_NAME_BYTES && PRINTABLE.test(name);
}
