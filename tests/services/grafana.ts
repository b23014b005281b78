// Grafana's own types, loosened so far that plain JSON can meet them: an enum's members may be written as the strings they are.
import type { Dashboard, Panel } from '@grafana/schema';
type Loose<T> = T extends string ? `${T}` : T extends number ? number : T extends (infer U)[] ? Loose<U>[]
  : T extends object ? { [K in keyof T]: Loose<T[K]> } : T;
type Query = { refId: string; datasource: { type: string; uid: string } } & Record<string, unknown>;
type Fields = { defaults: object; overrides: object[] };
export type Board = Loose<Omit<Dashboard, 'panels' | 'templating'>> & {
  templating: Loose<NonNullable<Dashboard['templating']>>;
  panels: (Omit<Loose<Panel>, 'fieldConfig' | 'options' | 'targets'> & { fieldConfig: Fields; options: object; targets: Query[] })[];
};
