import { checkPlatform } from './platform.js';

const path = (bytes: number) => `/${'d'.repeat(bytes - 1)}`;

describe('checkPlatform', () => {
  it('takes any path on Linux, and one that leaves room for the name of a socket elsewhere', () => {
    expect(() => checkPlatform('linux', path(4000))).not.toThrow();
    expect(() => checkPlatform('darwin', path(59))).not.toThrow();
  });

  it('counts bytes, says how many there may be, and names the option', () => {
    expect(() => checkPlatform('darwin', path(60))).toThrow(
      expect.objectContaining({
        code: 'ERR_DATA_DIR_UNUSABLE',
        message: expect.stringMatching(/path of 60 bytes, and this system takes at most 59: .* --data$/),
      }),
    );
    expect(() => checkPlatform('darwin', `/${'ü'.repeat(30)}`)).toThrow('path of 61 bytes');
  });

  it('takes a long path where the aux have no disks', () => {
    expect(() => checkPlatform('darwin', undefined)).not.toThrow();
  });

  it('refuses Windows, with what to do instead', () => {
    expect(() => checkPlatform('win32', undefined)).toThrow(
      expect.objectContaining({ code: 'ERR_PLATFORM', message: expect.stringMatching(/WSL2/) }),
    );
  });

  it('leaves an aux on macOS exactly the room that its lock needs', () => {
    const socket = `${path(59)}/disk/aux-64/.claim-lock-0123456789abcdef`;
    expect(Buffer.byteLength(socket)).toBe(100);
  });
});
