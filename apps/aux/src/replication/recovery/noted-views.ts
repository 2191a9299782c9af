import type { View } from '@dcs/cluster-membership';

/** Views kept between two in which all was in sync; the first and the last of more. */
const MAX_VIEWS = 8;

/** The views since the last one in which all slots of this node were in sync, that one included, oldest first. */
export class NotedViews {
  #views: readonly View[];

  constructor(views: readonly View[]) {
    this.#views = views;
  }

  get all(): readonly View[] {
    return this.#views;
  }

  clear(): void {
    this.#views = [];
  }

  /**
   * @param isInSync all slots of this node are in sync in this view
   * @returns whether that changed what is noted
   */
  note(view: View, isInSync: boolean): boolean {
    const last = this.#views.at(-1);
    if (last?.epoch === view.epoch && (!isInSync || this.#views.length === 1)) return false;
    const before = last?.epoch === view.epoch ? this.#views.slice(0, -1) : this.#views;
    const views = isInSync ? [view] : [...before, view];
    this.#views = views.length > MAX_VIEWS ? [views[0]!, ...views.slice(1 - MAX_VIEWS)] : views;
    return true;
  }
}
