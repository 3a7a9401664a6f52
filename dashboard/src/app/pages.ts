import type { ComponentType } from "preact";

/** One page: its folder's `index.tsx` exports it as `page`, and that is all it takes to be in the menu and the palette. */
export interface Page {
  path: string;
  title: string;
  /** Heading in the menu; pages without one (details) are reached from others. */
  group?: "Overview" | "Routing" | "Usage" | "System";
  order: number;
  icon?: string;
  words?: string;
  component: ComponentType<{ params: Record<string, string> }>;
}

const found = import.meta.glob<{ page?: Page; pages?: Page[] }>("../pages/*/index.tsx", { eager: true });

export const PAGES: Page[] = Object.values(found)
  .flatMap((module) => module.pages ?? (module.page ? [module.page] : []))
  .sort((a, b) => a.order - b.order);

export const GROUPS = ["Overview", "Routing", "Usage", "System"] as const;
