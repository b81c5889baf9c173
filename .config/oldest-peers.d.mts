export declare const folder: string;
export declare const oldest: Readonly<Record<string, string>>;
export default function install(): void;
