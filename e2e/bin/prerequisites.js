import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs of other makes that some tests run against, and the Debian packages that bring them. */
export const PREREQUISITES = [
  { command: 'redis-server', packages: ['redis-server'], usedBy: 'tests of the Redis registry (integration)' },
  { command: 'redis-cli', packages: ['redis-tools'], usedBy: 'tests of a node with redis-cli (integration)' },
  {
    command: 'redis-benchmark',
    packages: ['redis-tools'],
    usedBy: 'tests of a node with redis-benchmark (integration)',
  },
  { command: 'nginx', packages: ['nginx-light'], usedBy: 'tests of the load balancer (e2e)' },
  { command: 'envsubst', packages: ['gettext-base'], usedBy: 'tests of the load balancer (e2e)' },
  { command: 'curl', packages: ['curl'], usedBy: 'tests of the load balancer (e2e)' },
  { command: 'openssl', packages: ['openssl'], usedBy: 'tests of TLS: load balancer, registry (e2e)' },
  {
    command: 'dockerd',
    packages: ['docker.io', 'iptables', 'debootstrap'],
    usedBy: 'tests of the system in containers (e2e)',
  },
  { command: 'docker-compose', packages: ['docker-compose'], usedBy: 'tests of the system in containers (e2e)' },
  { command: 'ip', packages: ['iproute2'], usedBy: 'tests of partitions (e2e, as root)' },
  { command: 'iptables', packages: ['iptables'], usedBy: 'tests of partitions (e2e, as root)' },
  { command: 'mkfs.ext4', packages: ['e2fsprogs'], usedBy: 'tests of power cuts (e2e, as root)' },
  { command: 'mount', packages: ['mount'], usedBy: 'tests of power cuts and full disks (e2e, as root)' },
  { command: 'python3', packages: ['python3-minimal'], usedBy: 'tests of power cuts (e2e, as root)' },
  { command: 'strace', packages: ['strace'], usedBy: 'tests of disks that fail (e2e, as root)' },
  { command: 'faketime', packages: ['faketime'], usedBy: 'tests of wrong clocks (e2e)' },
  { command: 'prometheus', packages: ['prometheus'], usedBy: 'tests of metrics, rules and dashboards (e2e)' },
  { command: 'promtool', packages: ['prometheus'], usedBy: 'tests of metrics, rules and dashboards (e2e)' },
];

export function missingPrerequisites(path = process.env.PATH ?? '') {
  return PREREQUISITES.filter(({ command }) => !isOnPath(command, path));
}

/** @param {string} command @param {string} path */
export function isOnPath(command, path) {
  return path.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory || '.', command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Installs Debian packages without starting the services that they bring (a policy file refuses that for the time of
 * the installation). Needs root, or sudo without a password.
 *
 * @param {string[]} packages
 * @returns {string | undefined} why it was not possible; undefined when it was done
 */
export function installDebianPackages(packages) {
  if (!isOnPath('apt-get', process.env.PATH ?? '')) return 'there is no apt-get on this machine';
  const asRoot = process.getuid?.() === 0;
  if (!asRoot && spawnSync('sudo', ['-n', 'true']).status !== 0) return 'it needs root, or sudo without a password';
  const script = `
    set -e
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap 'rm -f "$policy"' EXIT
      printf '#!/bin/sh\\nexit 101\\n' > "$policy"
      chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get update -q
    apt-get install -q -y --no-install-recommends "$@"`;
  const command = ['sh', '-c', script, 'sh', ...packages];
  const argv = asRoot ? command : ['sudo', '-n', ...command];
  const { status, error } = spawnSync(argv[0], argv.slice(1), { stdio: 'inherit', timeout: 300_000 });
  return status === 0 ? undefined : `apt-get failed (${error?.message ?? `exit code ${status}`})`;
}
