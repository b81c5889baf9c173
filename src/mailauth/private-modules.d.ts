/** The private modules of mailauth 7.1.0 have no types, or types that need those of Node. The rooms that use a module declare its type. */
declare module 'mailauth/lib/*' {
  const shape: unknown;
  export default shape;
}
