/** A piece of a text, and whether the other text has it too. */
export interface Piece {
  text: string;
  own: boolean;
}

/** Beyond this many pairs of words only the common beginning is looked for. */
const MOST_PAIRS = 1_000_000;

/** Two texts by their words: what both have in the same order, and what is one's own. */
export function difference(first: string, second: string): [Piece[], Piece[]] {
  const [a, b] = [wordsOf(first), wordsOf(second)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  const [restA, restB] = [a.slice(start), b.slice(start)];
  const common = restA.length * restB.length > MOST_PAIRS ? [] : longestCommon(restA, restB);
  const begin = a.slice(0, start).join("");
  const pieces = (words: readonly string[], side: 0 | 1): Piece[] => {
    const shared = new Set(common.map((pair) => pair[side]));
    const all = words.map((text, place) => ({ text, own: !shared.has(place) }));
    return joined(begin === "" ? all : [{ text: begin, own: false }, ...all]);
  };
  return [pieces(restA, 0), pieces(restB, 1)];
}

/** Words with the space before them. */
function wordsOf(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

function longestCommon(a: readonly string[], b: readonly string[]): [number, number][] {
  const width = b.length + 1;
  const length = new Uint32Array((a.length + 1) * width);
  const at = (row: number, column: number) => length[row * width + column] ?? 0;
  for (let row = a.length - 1; row >= 0; row -= 1)
    for (let column = b.length - 1; column >= 0; column -= 1)
      length[row * width + column] =
        a[row] === b[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
  const pairs: [number, number][] = [];
  for (let row = 0, column = 0; row < a.length && column < b.length;) {
    if (a[row] === b[column]) pairs.push([row++, column++]);
    else if (at(row + 1, column) >= at(row, column + 1)) row += 1;
    else column += 1;
  }
  return pairs;
}

function joined(pieces: readonly Piece[]): Piece[] {
  const result: Piece[] = [];
  for (const piece of pieces) {
    const before = result.at(-1);
    if (before?.own === piece.own) before.text += piece.text;
    else result.push({ ...piece });
  }
  return result;
}
