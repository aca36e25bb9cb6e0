/** Roles by name: of the realm, and of clients by their `client_id` */
export interface Roles {
  readonly realm?: readonly string[]
  readonly client?: Readonly<Record<string, readonly string[]>>
}

/** Who asks */
export interface Requester {
  readonly id: string
  /** Internal id of the token's `azp` */
  readonly client: string
  /** As in the token */
  readonly roles?: Roles
  /** As in the user's record */
  readonly recorded_roles?: Roles
  /** Paths */
  readonly groups?: readonly string[]
  /** The token's claims */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Whom a share is for */
export type Grantee =
  | { readonly user: string }
  | { readonly group: string }
  | { readonly role: { readonly name: string; readonly client?: string } }

/** One row: a resource, a scope or none, a requester */
export interface Share {
  readonly id: string
  readonly resource: string
  readonly scope?: string
  readonly requester: Grantee
  readonly state: 'pending' | 'granted' | 'denied' | 'blocked'
  /** From this second on it is as if withdrawn. */
  readonly expires_at?: number
  /** Id of the share that it rests on */
  readonly parent?: string
}

/** A change of a standing index */
export type ShareChange = { readonly put: Share } | { readonly remove: string }

/** A resource as the store knows it */
export interface Resource {
  readonly id: string
  readonly name: string
  readonly type?: string
  readonly owner: string
  readonly owner_managed?: boolean
  readonly scopes?: readonly string[]
  readonly uris?: readonly string[]
}

/** A policy or permission as the store knows it; `config` is that of its type */
export interface Policy {
  readonly id: string
  readonly name?: string
  readonly type: string
  readonly logic?: 'POSITIVE' | 'NEGATIVE'
  readonly strategy?: 'UNANIMOUS' | 'AFFIRMATIVE' | 'CONSENSUS'
  readonly config?: Readonly<Record<string, unknown>>
  /** Ids of associated policies */
  readonly apply?: readonly string[]
  readonly resources?: readonly string[]
  readonly scopes?: readonly string[]
  readonly resource_type?: string
  /** Of a policy of type `uma` */
  readonly owner?: string
}

/** What the store knows: candidates, never decisions */
export interface Facts {
  /** Those of the asked scopes that exist at the resource server */
  readonly scopes: readonly string[]
  readonly resources?: readonly Resource[]
  readonly more?: boolean
  readonly parents?: readonly Resource[]
  readonly shares?: readonly Share[]
  readonly shared_with_others?: readonly { readonly resource: string; readonly scopes: readonly string[] }[]
  readonly policies?: readonly Policy[]
  readonly outcomes?: readonly object[]
  readonly directory?: object
  readonly truncated?: boolean
}

/** What is asked for */
export type Ask =
  | { readonly by: 'id' | 'name'; readonly resource: string; readonly scopes?: readonly string[] }
  | { readonly by: 'uri'; readonly uri: string; readonly scopes?: readonly string[]; readonly matching?: boolean }
  | { readonly by: 'type'; readonly type: string; readonly whose: 'server' | 'requester' | 'instance' | 'any'; readonly scopes?: readonly string[] }
  | { readonly by: 'scopes'; readonly scopes: readonly string[] }

/** A question: who asks for what, and all that the answer rests on */
export interface Question {
  /** The moment, in seconds since 1970 */
  readonly now: number
  /** Seconds by which the wall clock of policies about time is ahead of UTC */
  readonly utc_offset?: number
  readonly server: {
    readonly id: string
    readonly mode?: 'ENFORCING' | 'PERMISSIVE' | 'DISABLED'
    readonly strategy?: 'UNANIMOUS' | 'AFFIRMATIVE' | 'CONSENSUS'
    readonly owner_access?: 'policy' | 'always'
  }
  readonly requester: Requester
  readonly facts: Facts
  readonly asks?: readonly Ask[]
  readonly everything?: boolean
  readonly after?: string
  readonly scopes?: readonly string[]
  readonly registered?: readonly string[]
  readonly all_or_nothing?: boolean
  readonly rpt?: readonly object[]
  readonly context?: Readonly<Record<string, readonly string[]>>
  readonly ticket_claims?: Readonly<Record<string, readonly string[]>>
  readonly pushed_claims?: Readonly<Record<string, readonly string[]>>
  readonly gatherable?: readonly string[]
  readonly limit?: number
  readonly names?: boolean
  readonly submit?: boolean
  readonly polling?: boolean
}

/** What becomes a request to an owner */
export interface Pending {
  readonly resource: string
  readonly scopes?: readonly string[]
}

/** A permission of an assessment */
export interface AssessedPermission {
  readonly rsid?: string
  readonly rsname?: string
  readonly rsowned?: boolean
  readonly scopes?: readonly string[]
  readonly claims?: Readonly<Record<string, readonly string[]>>
  readonly exp?: number
  readonly nbf?: number
}

/** The answer to a question */
export type Assessment =
  | {
      readonly outcome: 'granted'
      readonly permissions: readonly AssessedPermission[]
      readonly upgraded: boolean
      readonly pending?: readonly Pending[]
      readonly next?: string
    }
  | {
      readonly outcome: 'denied'
      readonly submitted: boolean
      readonly pending?: readonly Pending[]
      readonly needs?: readonly string[]
      readonly next?: string
    }
  | {
      readonly outcome: 'refused'
      readonly code: 'invalid_resource' | 'invalid_uri' | 'missing_uri' | 'invalid_scope'
      readonly resource?: string
      readonly uri?: string
      readonly scopes?: readonly string[]
    }
