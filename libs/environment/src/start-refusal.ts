interface Settings {
  readonly placement: number;
  readonly protocol: { readonly min: number; readonly max: number };
}

/** A member of the view beside which a process cannot run, and why: `SettingsConflict` of `@dcs/cluster-membership`. */
export interface Conflict {
  readonly setting: 'placement' | 'protocol';
  readonly member: { readonly id: string; readonly settings?: Settings };
}

/** A release that does not state what it is: see `@dcs/cluster-membership`. */
const UNSTATED: Settings = { placement: 1, protocol: { min: 1, max: 1 } };

/** Why a process does not start beside a member, and what to do about it. */
export function startRefusal({ setting, member }: Conflict, own: Settings): string {
  const theirs = member.settings ?? UNSTATED;
  if (setting === 'placement') {
    return (
      `${member.id} places slots by rule ${theirs.placement}, this process by rule ${own.placement}: the two cannot be in ` +
      'one cluster. Make a backup, stop all processes of the cluster, and start this release on all of them with empty ' +
      'data directories and that backup directory'
    );
  }
  const range = ({ min, max }: Settings['protocol']): string =>
    min === max ? `version ${min}` : `versions ${min} to ${max}`;
  const what = `${member.id} speaks protocol ${range(theirs.protocol)}, this process ${range(own.protocol)}`;
  if (theirs.protocol.max === 1) {
    return (
      `${what}. Set DCS_ALLOW_PROTOCOL_1=true in every process of this release until the last of the release before is ` +
      'replaced: until then the cluster secret is sent in clear; or stop all processes before this release starts'
    );
  }
  return theirs.protocol.min > own.protocol.max
    ? `${what}: start a newer release here`
    : `${what}: upgrade to a release between the two first, or stop all processes before this release starts`;
}
