import { linkCases, nameOf, parseCase } from './link-cases.js';

const names = linkCases().map(nameOf);

test('every set of cuts of two nodes is a case, but for the names of the nodes', () => {
  const ofTwo = names.filter((name) => name.startsWith('2:'));
  // Of 4^6 states of 6 links, those that the exchange of the two nodes leaves as they are: 4 registry, 2 direct, 4 gateway
  // pairs, 4 of the gateway with the registry.
  expect(ofTwo).toHaveLength((4 ** 6 + 4 * 2 * 4 * 4) / 2);
});

test('no case is twice there', () => {
  expect(new Set(names).size).toBe(names.length);
});

test('three and four nodes have all cases of some cuts', () => {
  expect(names).toEqual(expect.arrayContaining(['3:', '3:aux1<>registry', '3:aux1<>registry,aux2<>registry', '4:']));
  expect(names.length).toBeLessThan(4000);
});

test('a name gives its case', () => {
  for (const name of names.slice(0, 300)) expect(nameOf(parseCase(name)!)).toBe(name);
  for (const name of ['', '1:', '3:aux1', '3:aux1>aux1', '3:aux4>registry', '5:']) {
    expect(parseCase(name)).toBeUndefined();
  }
});
