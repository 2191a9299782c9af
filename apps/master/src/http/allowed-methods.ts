interface Pattern {
  readonly path: RegExp;
  readonly methods: Set<string>;
}

/** Knows the routes, to tell a wrong method (405) from a wrong path (404). */
export class AllowedMethods {
  readonly #patterns = new Map<string, Pattern>();

  add(url: string, methods: string | readonly string[]): void {
    if (url.includes('*')) return;
    let pattern = this.#patterns.get(url);
    if (!pattern) {
      pattern = { path: patternOf(url), methods: new Set() };
      this.#patterns.set(url, pattern);
    }
    for (const method of [methods].flat()) pattern.methods.add(method);
  }

  /** The methods that the path of a request target has, sorted; empty for a path that no route has. */
  of(target: string): string[] {
    const path = target.split(/[?#]/, 1)[0]!;
    const methods = new Set<string>();
    for (const pattern of this.#patterns.values()) {
      if (pattern.path.test(path)) for (const method of pattern.methods) methods.add(method);
    }
    return [...methods].sort();
  }
}

function patternOf(url: string): RegExp {
  const segments = url.split('/').map((segment) => (segment.startsWith(':') ? '[^/]*' : escape(segment)));
  return new RegExp(`^${segments.join('/')}$`);
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
