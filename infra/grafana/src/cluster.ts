import { type DashboardSpec } from './panels.js';

const gauge = (name: string) => `${name}{cluster="$cluster"}`;
const rate = (name: string) => `rate(${name}{cluster="$cluster"}[$__rate_interval])`;

/** Who owns what, and what moves. */
export const cluster: DashboardSpec = {
  uid: 'dcs-cluster',
  title: 'Cache: Cluster',
  description: 'Who owns what, what moves, and who hears whom.',
  rows: [
    {
      title: 'Ownership',
      panels: [
        {
          title: 'Slots by primary',
          description: 'Slots of 16384 for which a node takes the writes. Even, or as the weights say.',
          unit: 'none',
          queries: { '{{node}}': 'dcs_slots_owned{cluster="$cluster", role="primary"}' },
          min: 0,
        },
        {
          title: 'Skew',
          description: 'Slots of the node that is primary for most, over the mean: 1 is even.',
          unit: 'none',
          queries: {
            skew: 'max(dcs_slots_owned{cluster="$cluster", role="primary"}) / (avg(dcs_slots_owned{cluster="$cluster", role="primary"}) > 0)',
          },
          noValue: 'no nodes',
          limits: { warn: 1.1, bad: 1.3 },
          min: 0.9,
        },
        {
          title: 'Owners per slot',
          description:
            'Copies of an entry, and how many there should be. While there are fewer, because there are fewer nodes, a loss may be a loss of data.',
          unit: 'none',
          queries: {
            owners: 'sum(dcs_slots_owned{cluster="$cluster"}) / 16384 or vector(0)',
            wanted: 'max(dcs_replicas_wanted{cluster="$cluster"})',
          },
          min: 0,
        },
      ],
    },
    {
      title: 'Handoff',
      panels: [
        {
          title: 'Slots to go',
          description: 'Slots whose entries a new owner has yet to import. Back at 0 the cluster is whole again.',
          unit: 'none',
          queries: { '{{node}}': gauge('dcs_handoff_slots_to_go') },
          min: 0,
        },
        {
          title: 'Bytes imported',
          description: 'Entries on their way between nodes; bounded, so that clients do not notice.',
          unit: 'Bps',
          queries: { '{{node}}': rate('dcs_handoff_bytes_received_total') },
          min: 0,
        },
        {
          title: 'Slots not yet safe at their owners',
          description: 'Slots that a node keeps until their owners surely have them. A node that leaves waits for 0.',
          unit: 'none',
          queries: { '{{node}}': gauge('dcs_handoff_slots_unsafe') },
          min: 0,
        },
      ],
    },
    {
      title: 'Replication',
      panels: [
        {
          title: 'Writes waiting for copies',
          description: 'A write is acknowledged when its copies exist. Growing: a peer is slow.',
          unit: 'none',
          queries: { '{{node}}': gauge('dcs_copies_in_flight') },
          limits: { warn: 500, bad: 5000 },
          min: 0,
        },
        {
          title: 'Stand-ins and refusals',
          description:
            'Copies given to another node because an owner was silent, and writes refused because nobody could.',
          unit: 'ops',
          queries: {
            'fallback copies {{node}}': rate('dcs_fallback_copies_total'),
            'refused {{node}}': rate('dcs_copy_failures_total'),
          },
          limits: { warn: 1, bad: 100 },
          min: 0,
        },
        {
          title: 'Copies that differ',
          description:
            'Slots found different between owners, and keys kept for owners that were silent; both are repaired.',
          unit: 'none',
          queries: {
            'differences {{node}}': rate('dcs_anti_entropy_differences_total'),
            'hints {{node}}': gauge('dcs_hints'),
          },
          min: 0,
        },
      ],
    },
    {
      title: 'Recovery and backup',
      panels: [
        {
          title: 'Slots recovering',
          description: 'Slots that wait for the nodes or backups that have them; calls for their keys get 503.',
          unit: 'none',
          queries: { '{{node}}': gauge('dcs_recovery_slots_blocked') },
          limits: { warn: 1, bad: 1000 },
          min: 0,
        },
        {
          title: 'Disks that can be written',
          description: 'Of the nodes that have one. A node whose disk cannot be written refuses writes.',
          unit: 'percentunit',
          queries: { writable: `avg(${gauge('dcs_disk_writable')})` },
          noValue: 'no disks',
          limits: { warn: 1, bad: 0.9, falling: true },
          min: 0,
          max: 1,
        },
        {
          title: 'Age of the last backup',
          description: 'Of the node whose last one is oldest: so much is lost if all nodes and their disks are.',
          unit: 's',
          queries: { age: `time() - min(${gauge('dcs_backup_last_success_timestamp_seconds')} > 0)` },
          noValue: 'no backup yet',
          limits: { warn: 900, bad: 3600 },
          min: 0,
        },
      ],
    },
    {
      title: 'Membership',
      panels: [
        {
          title: 'Epoch of the view',
          description:
            'One line: all agree. A step is a join, a leave or a crash. Lines apart for long: somebody is cut off.',
          unit: 'none',
          queries: { '{{node}}': gauge('dcs_view_epoch') },
        },
        {
          title: 'Members by state',
          description:
            'As processes see them, and how many there should be: those that did not leave in order are missing.',
          unit: 'none',
          queries: {
            '{{state}}': 'max by (state) (dcs_members{cluster="$cluster"})',
            wanted: 'max(dcs_nodes_wanted{cluster="$cluster"})',
          },
          min: 0,
        },
        {
          title: 'Suspicion',
          description:
            'Nodes of the view that a node does not hear from, nodes whose lease ran out, nodes that serve nobody because they are cut off, and connections of masters that are down.',
          unit: 'none',
          queries: {
            'suspected by {{node}}': gauge('dcs_suspected_peers'),
            'leases that ran out, seen by {{node}}': gauge('dcs_membership_suspects'),
            'fenced: {{node}}': gauge('dcs_node_fenced'),
            'no connection from {{node}}': 'dcs_aux_connections{cluster="$cluster", state="down"}',
          },
          limits: { warn: 1, bad: 2 },
          min: 0,
        },
        {
          title: 'Registry reachable',
          description: '1: it answered last time. At 0 everybody goes on with the last view, and no change is noticed.',
          unit: 'none',
          queries: { '{{node}}': gauge('dcs_registry_reachable') },
          limits: { warn: 1, bad: 0.5, falling: true },
          min: 0,
          max: 1,
        },
      ],
    },
  ],
};
