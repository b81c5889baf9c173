/** mailauth 7.1.0 has no types below its public face, or some that name Node's. The rooms that use a module know its shape. */
declare module 'mailauth/lib/*' {
  const shape: unknown;
  export default shape;
}
