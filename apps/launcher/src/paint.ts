const CODES = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, bold: 1, dim: 2 } as const;

export type Colour = keyof typeof CODES;
/** Puts text in a colour, or leaves it as it is. */
export type Painter = (colour: Colour, text: string) => string;

export const plain: Painter = (_colour, text) => text;
export const coloured: Painter = (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m`;

const NAME_COLOURS: readonly Colour[] = ['cyan', 'green', 'magenta', 'blue', 'yellow'];

/** A colour for the n-th process, so that its lines are found again. */
export function nameColour(n: number): Colour {
  return NAME_COLOURS[n % NAME_COLOURS.length] ?? 'cyan';
}
