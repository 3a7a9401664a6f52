// Shapes of the admin API by the names that the pages use. They come from its description; see schema.ts.
import type { Account, AccountLimits, AccountTest, BudgetView, ClientAnswer, ClientRequest, Field, LedgerRow, ModelPrice, UpstreamAnswer, UpstreamRequest, UsageTotals, Allowance as WholeAllowance } from "./schema";

export type * from "./schema";

export type Tier = NonNullable<Account["tier"]>;
export type Limits = AccountLimits;
export type TestResult = AccountTest;
/** One try, a row of the ledger. */
export type Try = LedgerRow;
export type Totals = UsageTotals;
export type StrategyField = Field;
export type Price = ModelPrice;
export type Budget = BudgetView;
/** A part of a captured request that was sent or came. */
export type Stage = ClientRequest | UpstreamRequest | UpstreamAnswer | ClientAnswer;
/** As it may be given: what is left out has its default. */
export type Allowance = Pick<WholeAllowance, "limit"> & Partial<WholeAllowance>;

export const TIERS: Record<Tier, string> = { subscription: "Subscription", api_key: "API key", cheap: "Cheap", free: "Free" };
