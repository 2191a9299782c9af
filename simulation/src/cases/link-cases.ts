import type { Shape } from '../cluster/shape.js';
import type { Scene } from '../faults/scene.js';
import type { CustomRun } from '../run-seed.js';

/*
 * Small clusters, explored: one registry, one gateway, and for one period some of the links between the processes are cut,
 * each in one direction or in both. Every case is run, up to names of nodes, with as many cuts as there is time for.
 */

/** Of a link, as it is written between the names of its ends. */
const CUTS = ['<>', '>', '<'] as const;
type Cut = (typeof CUTS)[number];

export interface LinkCase {
  readonly nodes: number;
  readonly cuts: readonly { readonly a: string; readonly b: string; readonly cut: Cut }[];
}

const REGISTRY = 'registry';
const GATEWAY = 'gw1';
/** Longer than it takes to expel a member, and for it to come back. */
const PERIOD_MS = 9000;
const AT_MS = 200;
/** Most cuts at once, by number of nodes: all of two, nearly all that matter of more. */
const MAX_CUTS: Readonly<Record<number, number>> = { 2: 6, 3: 3, 4: 2 };
const CASE = /^(\d):(.*)$/;
const CUT = /^(\w+?)(<>|>|<)(\w+)$/;

/** Every case, but for those that are another one with its nodes renamed. */
export function linkCases(): LinkCase[] {
  return Object.entries(MAX_CUTS).flatMap(([nodes, most]) => [...casesOf(Number(nodes), most)]);
}

export function nameOf({ nodes, cuts }: LinkCase): string {
  return `${nodes}:${cuts.map(({ a, b, cut }) => `${a}${cut}${b}`).join(',')}`;
}

/** Undefined for what is no name of a case. */
export function parseCase(name: string): LinkCase | undefined {
  const match = CASE.exec(name);
  if (match === null || MAX_CUTS[Number(match[1])] === undefined) return undefined;
  const parts = match[2] === '' ? [] : match[2]!.split(',').map((part) => CUT.exec(part));
  const cuts = parts.map((part) => ({ a: part?.[1] ?? '', cut: part?.[2] as Cut, b: part?.[3] ?? '' }));
  const nodes = Number(match[1]);
  const known = new Set(linksOf(nodes).map(([a, b]) => `${a} ${b}`));
  return cuts.every(({ a, b }) => known.has(`${a} ${b}`)) ? { nodes, cuts } : undefined;
}

export function runOf(linkCase: LinkCase): CustomRun {
  return {
    name: nameOf(linkCase),
    kind: `links of ${linkCase.nodes} nodes`,
    durationMs: PERIOD_MS + AT_MS,
    fault: { splits: true, parts: true, inject: (scene) => cutAll(scene, linkCase) },
    shape: (drawn): Shape => ({
      cluster: {
        ...drawn.cluster,
        ...{ nodes: linkCase.nodes, spares: 0, gateways: 1, replicas: 2, maxReplicas: 2, zones: 1, weights: [1] },
        ...{ readFrom: ['primary'], skewMs: 0, disks: undefined },
      },
      maxDelayMs: 0.6,
      hintLoss: 0,
    }),
  };
}

function cutAll(scene: Scene, { cuts }: LinkCase): void {
  const hosts = [...scene.cluster.nodes, ...scene.cluster.gateways];
  const host = (id: string): (typeof hosts)[number] => hosts.find((each) => each.id === id)!;
  for (const { a, b, cut } of cuts) {
    if (b === REGISTRY) {
      const link = cut === '<>' ? 'both' : cut === '>' ? 'requests' : 'answers';
      scene.cutRegistry(host(a), AT_MS, PERIOD_MS, link);
    } else {
      const [from, to] = cut === '<' ? [b, a] : [a, b];
      scene.cut(host(from), host(to), AT_MS, PERIOD_MS, cut === '<>');
    }
  }
}

/** The links of a cluster: nodes with the registry, with each other, with the gateway; the gateway with the registry. */
function linksOf(nodes: number): (readonly [string, string])[] {
  const ids = Array.from({ length: nodes }, (_, i) => `aux${i + 1}`);
  return [
    ...ids.map((id) => [id, REGISTRY] as const),
    ...ids.flatMap((a, i) => ids.slice(i + 1).map((b) => [a, b] as const)),
    ...ids.map((id) => [GATEWAY, id] as const),
    [GATEWAY, REGISTRY],
  ];
}

function* casesOf(nodes: number, most: number): Generator<LinkCase, void, undefined> {
  const links = linksOf(nodes);
  const orders = permutations(Array.from({ length: nodes }, (_, i) => i + 1));
  const seen = new Set<string>();
  function* extend(from: number, cuts: LinkCase['cuts']): Generator<LinkCase, void, undefined> {
    const name = smallestName({ nodes, cuts }, orders);
    if (!seen.has(name)) {
      seen.add(name);
      yield { nodes, cuts };
    }
    if (cuts.length === most) return;
    for (let i = from; i < links.length; i++) {
      const [a, b] = links[i]!;
      for (const cut of CUTS) yield* extend(i + 1, [...cuts, { a, b, cut }]);
    }
  }
  yield* extend(0, []);
}

/** The same for all cases that differ in the names of nodes only. */
function smallestName({ cuts }: LinkCase, orders: readonly (readonly number[])[]): string {
  const names = orders.map((order) => {
    const renamed = (id: string): string => id.replace(/^aux(\d)$/, (_, i: string) => `aux${order[Number(i) - 1]}`);
    return cuts
      .map(({ a, b, cut }) => {
        const [x, y] = [renamed(a), renamed(b)];
        if (x <= y || cut === '<>') return x <= y ? `${x}${cut}${y}` : `${y}${cut}${x}`;
        return `${y}${cut === '>' ? '<' : '>'}${x}`;
      })
      .sort()
      .join();
  });
  return names.sort()[0]!;
}

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
}
