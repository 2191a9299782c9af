import { mkdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../child-process.js';
import { CLUSTER_SECRET, plainEnvironment, temporaryDirectory } from '../cluster.js';
import { eventually } from '../eventually.js';
import { answers, Program } from '../system/program.js';
import { ClusterWatch } from './cluster-watch.js';
import { viewOf } from './copies.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { seconds } from './measured.js';
import { Network, whyNoNetwork } from './network.js';
import { describeWith, programPath } from './prerequisite.js';
import { RedisServer } from './redis-server.js';
import { underLoad } from './under-load.js';

jest.setTimeout(600_000);

const AUX = ['aux-1', 'aux-2', 'aux-3'];
/** Hosts of the network; this process is on host 0. */
const AUX_HOSTS = [1, 2, 3];
const MASTER_HOSTS = [4, 5];
const REGISTRY_HOST = 6;
const DATA_PORT = 7101;
const OPS_PORT = 7201;
const MASTER_PORT = 8080;

const missing =
  whyNoNetwork() ?? (programPath('redis-server') === undefined ? 'no redis-server on this machine' : undefined);

// Every process on a host of its own, so that the way of any of them to the registry can be cut, and nothing else.
describeWith(missing, () => {
  let network: Network;
  let redis: RedisServer;
  let directory: string;
  let urls: string[];
  let fill: Fill;
  const programs: Program[] = [];

  beforeAll(async () => {
    network = await Network.create(REGISTRY_HOST);
    directory = await temporaryDirectory();
    redis = await RedisServer.start(network.addressOf(REGISTRY_HOST), network.commandOn(REGISTRY_HOST));
    for (const [i, host] of AUX_HOSTS.entries()) {
      const id = AUX[i]!;
      await mkdir(`${directory}/${id}`);
      const ports = { DCS_DATA_PORT: String(DATA_PORT), DCS_HTTP_PORT: String(OPS_PORT) };
      await start(host, 'aux', { DCS_ID: id, DCS_DATA_DIR: `${directory}/${id}`, ...ports }, OPS_PORT);
    }
    for (const host of MASTER_HOSTS) {
      await start(host, 'master', { DCS_ID: `master-${host}`, DCS_HTTP_PORT: String(MASTER_PORT) }, MASTER_PORT);
    }
    urls = MASTER_HOSTS.map((host) => `http://${network.addressOf(host)}:${MASTER_PORT}`);
    await eventually(async () => {
      for (const url of urls) expect((await viewOf(url)).nodes.map(({ id }) => id).sort()).toEqual(AUX);
    });
    fill = new Fill({ url: urls[0]!, prefix: 'fill', keys: LENGTH.keys });
    await fill.store();
  }, 120_000);

  afterAll(async () => {
    await Promise.all(programs.map((program) => program.close()));
    await redis?.close();
    await network?.close();
    await rm(directory, { recursive: true, force: true });
  }, 120_000);

  async function start(host: number, app: string, env: Record<string, string>, httpPort: number): Promise<void> {
    const [command = '', ...args] = network.commandOn(host);
    const address = network.addressOf(host);
    const common = {
      DCS_CLUSTER_SECRET: CLUSTER_SECRET,
      DCS_HOST: address,
      DCS_REGISTRY: redis.url,
      DCS_REPLICAS: '2',
      DCS_ALLOW_UNAUTHENTICATED: 'true',
    };
    const program = new Program(command, [...args, process.execPath, `${ROOT}/apps/${app}/dist/main.js`], {
      env: { ...plainEnvironment(), ...common, ...env } as Record<string, string>,
    });
    programs.push(program);
    await answers(`http://${address}:${httpPort}/health/live`, 30_000);
  }

  test.each<[string, readonly number[]]>([
    ['two of three aux cannot reach Redis', [1, 2]],
    ['two of three aux and one of two masters cannot reach Redis', [1, 2, 4]],
    ['no aux can reach Redis, and both masters can', [1, 2, 3]],
  ])('%s', async (what, cut) => {
    const watch = new ClusterWatch(urls);
    const options = {
      fault: `${what} for ${seconds(LENGTH.registryCutMs)}`,
      prefix: cut.join('-'),
      urls,
      upAtEnd: AUX,
    };
    await underLoad(options, async () => {
      for (const host of cut) await network.cut(host, REGISTRY_HOST, 'both-ways');
      await sleep(LENGTH.registryCutMs);
      for (const host of cut) await network.heal(host);
      return { 'false evictions': watch.ringChanges };
    });
    await watch.stop();
    expect(watch.rings).toEqual(urls.map(() => [AUX.join(' ')]));
    for (const url of urls) expect(await fill.lost(url)).toEqual([]);
  });
});
