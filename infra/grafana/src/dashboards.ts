import { cluster } from './cluster.js';
import { node } from './node.js';
import { overview } from './overview.js';
import { dashboard } from './panels.js';

/** File name -> contents of what is in dashboards/. */
export function dashboardFiles(): Map<string, string> {
  const specs = Object.entries({ overview, cluster, node });
  return new Map(specs.map(([name, spec]) => [`${name}.json`, `${JSON.stringify(dashboard(spec), null, 2)}\n`]));
}
