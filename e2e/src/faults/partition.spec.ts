import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../child-process.js';
import { CLUSTER_SECRET, type Cluster, plainEnvironment, startTestCluster, temporaryDirectory } from '../cluster.js';
import { eventually } from '../eventually.js';
import { answers, Program } from '../system/program.js';
import { viewOf } from './copies.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { seconds } from './measured.js';
import { type Cut, Network, whyNoNetwork } from './network.js';
import { describeWith } from './prerequisite.js';
import { underLoad } from './under-load.js';

jest.setTimeout(600_000);

const AUX = ['aux-1', 'aux-2', 'aux-3'];
const MASTERS_HOST = 1;
const AUX_HOST = 2;
const MASTER_PORTS = [8080, 8081];
const REPLICAS = '2';
const COMMON = {
  DCS_ALLOW_UNAUTHENTICATED: 'true',
  DCS_CLUSTER_SECRET: CLUSTER_SECRET,
  DCS_REPLICAS: REPLICAS,
};

describeWith(whyNoNetwork(), () => {
  let network: Network;
  let directory: string;
  let cluster: Cluster;
  const programs: Program[] = [];
  let urls: string[];
  let fill: Fill;

  // Two aux where this process is, the third on a host of its own, both masters on another; the registry is a
  // directory, which all of them reach however the network is.
  beforeAll(async () => {
    network = await Network.create(2);
    directory = await temporaryDirectory();
    cluster = await startTestCluster(directory, {
      masters: 0,
      aux: 2,
      replicas: 2,
      host: network.ownAddress,
      env: { DCS_ALLOW_UNAUTHENTICATED: 'true' },
    });
    await start(AUX_HOST, 'aux', { DCS_ID: 'aux-3', DCS_DATA_PORT: '7101', DCS_HTTP_PORT: '7201' }, 7201);
    for (const port of MASTER_PORTS) {
      await start(MASTERS_HOST, 'master', { DCS_ID: `master-${port}`, DCS_HTTP_PORT: String(port) }, port);
    }
    urls = MASTER_PORTS.map((port) => `http://${network.addressOf(MASTERS_HOST)}:${port}`);
    await eventually(async () => {
      for (const url of urls) expect((await viewOf(url)).nodes.map(({ id }) => id).sort()).toEqual(AUX);
    });
    fill = new Fill({ url: urls[0]!, prefix: 'fill', keys: LENGTH.keys });
    await fill.store();
  }, 120_000);

  afterAll(async () => {
    await Promise.all(programs.map((program) => program.close()));
    await cluster?.stop();
    await network?.close();
    await rm(directory, { recursive: true, force: true });
  }, 120_000);

  async function start(host: number, app: string, env: Record<string, string>, httpPort: number): Promise<void> {
    const [command = '', ...args] = network.commandOn(host);
    const script = `${ROOT}/apps/${app}/dist/main.js`;
    const address = network.addressOf(host);
    const program = new Program(command, [...args, process.execPath, script], {
      env: { ...plainEnvironment(), ...COMMON, DCS_HOST: address, DCS_REGISTRY: cluster.registry, ...env } as Record<
        string,
        string
      >,
    });
    programs.push(program);
    await answers(`http://${address}:${httpPort}/health/ready`, 30_000);
  }

  test.each<[string, number, number, Cut]>([
    ['what an aux sends to the masters is lost', AUX_HOST, MASTERS_HOST, 'one-way'],
    ['what the masters send to an aux is lost', MASTERS_HOST, AUX_HOST, 'one-way'],
    ['nothing gets through between the masters and an aux', AUX_HOST, MASTERS_HOST, 'both-ways'],
  ])('%s', async (what, from, to, cut) => {
    const fault = `partition of ${seconds(LENGTH.partitionMs)}: ${what}`;
    await underLoad({ fault, prefix: `${from}${cut}`, urls, mayFail: true, upAtEnd: AUX }, async () => {
      await network.cut(from, to, cut);
      await sleep(LENGTH.partitionMs);
      await network.heal(from);
      return {};
    });
    for (const url of urls) expect(await fill.lost(url)).toEqual([]);
  });

  test('an aux is cut off from the other aux', async () => {
    const fault = `partition of ${seconds(LENGTH.partitionMs)}: nothing gets through between an aux and the other two`;
    // Owners that cannot hear each other and are both heard by the masters: a hedged read may be answered by the one
    // that did not get the last write, and so may a delete, as to whether there was something (docs/replication.md).
    const options = { fault, prefix: 'peers', urls, mayFail: true, readsMayBeStale: true, upAtEnd: AUX };
    await underLoad(options, async () => {
      await network.cut(AUX_HOST, 0, 'both-ways');
      await sleep(LENGTH.partitionMs);
      await network.heal(AUX_HOST);
      return {};
    });
    for (const url of urls) expect(await fill.lost(url)).toEqual([]);
  });
});
