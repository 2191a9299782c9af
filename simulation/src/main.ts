/** Command line of the simulation; see README.md. */
export {};
