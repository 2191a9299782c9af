import type { AuxServer } from '../aux-server.js';

/** Registers a metric whose value is read from somewhere when it is scraped. */
export type Register = (name: string, help: string, read: () => number) => unknown;

/** What replication, handoff and failover do on this node. */
export function registerReplicationMetrics(aux: AuxServer, counter: Register, gauge: Register): void {
  const { ledger, replicator, readRepair, importer, hints, antiEntropy, copyRelease, peers, pending, recovery } =
    aux.node.replication;
  gauge('dcs_handoff_slots_to_go', 'Slots still to be imported from other nodes', () => ledger.unsynced);
  counter('dcs_handoff_bytes_received_total', 'Bytes of entries imported', () => importer.bytesReceived);
  counter('dcs_handoff_entries_received_total', 'Entries imported', () => importer.entriesReceived);
  counter(
    'dcs_handoff_read_repairs_total',
    'Keys read from other nodes before their slot was imported',
    () => readRepair.repairs,
  );
  gauge(
    'dcs_handoff_slots_unsafe',
    'Slots of other owners whose copies here are not known to be safe elsewhere',
    () => copyRelease.unsafeSlots,
  );
  gauge('dcs_copies_in_flight', 'Writes that wait for their copies', () => replicator.inFlight);
  counter(
    'dcs_copy_failures_total',
    'Writes refused because they could not be copied in time',
    () => replicator.failures,
  );
  counter(
    'dcs_fallback_copies_total',
    'Copies given to a fallback node in place of a silent owner',
    () => replicator.fallbacks,
  );
  gauge('dcs_hints', 'Keys kept for owners that were silent', () => hints.size);
  gauge('dcs_pending_keys', 'Keys whose newest entry is not yet on all owners', () => pending.size);
  gauge(
    'dcs_recovery_slots_blocked',
    'Slots blocked until nodes or a backup with their entries are found',
    () => ledger.blocked,
  );
  counter(
    'dcs_recovery_slots_given_up_total',
    'Slots recovered without the disk of any node that had them last: from a backup, or not at all',
    () => recovery.slotsGivenUp,
  );
  counter(
    'dcs_unreadable_replies_total',
    'Answers of other nodes that could not be read: each is taken for none, and ends the connection',
    () => peers.unreadable,
  );
  gauge('dcs_suspected_peers', 'Nodes in the view that do not answer this one', () => peers.suspects);
  counter('dcs_anti_entropy_differences_total', 'Slots found different between owners', () => antiEntropy.differences);
}
