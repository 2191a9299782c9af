const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/i;
const EVERY_ADDRESS = /^(0{1,3}(\.0{1,3}){0,3}|::|::0|::ffff:0\.0\.0\.0|(0{1,4}:){7}0{1,4})$/i;

/** Only this machine reaches it. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** Something may listen on it, and nobody can connect to it. */
export function isEveryAddress(host: string): boolean {
  return EVERY_ADDRESS.test(host);
}
