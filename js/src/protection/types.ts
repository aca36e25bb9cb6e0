/** A resource to be registered, with the wire's names (FedAuthz §3.1 and Keycloak's) */
export interface ResourceDescription {
  readonly name: string
  /** A user's name or id; without it the resource server owns the resource */
  readonly owner?: string
  /** Lets the owner share it */
  readonly ownerManagedAccess?: boolean
  readonly resource_scopes?: readonly string[]
  readonly type?: string
  readonly displayName?: string
  readonly uris?: readonly string[]
  readonly icon_uri?: string
  readonly attributes?: Readonly<Record<string, readonly string[]>>
}

/** A resource as it is registered; `scopes` are names */
export interface Resource {
  readonly id: string
  readonly name: string
  /** `name` is missing where the server shows only the id */
  readonly owner: { readonly id: string; readonly name?: string } | undefined
  readonly ownerManagedAccess: boolean
  readonly scopes: readonly string[]
  readonly uris: readonly string[]
  readonly type?: string
  readonly displayName?: string
  readonly icon_uri?: string
  readonly attributes?: Readonly<Record<string, readonly string[]>>
}

/** What to look for; every member narrows */
export interface ResourceQuery {
  readonly name?: string
  /** `name` is all of the name, in any case, and not a part of it */
  readonly exactName?: boolean
  /** A user's name or id, or a client id */
  readonly owner?: string
  readonly type?: string
  readonly uri?: string
  /** Where no resource has exactly this `uri`: one of the resource server's own whose pattern fits it */
  readonly matchingUri?: boolean
  readonly scope?: string
}

/** One page of a list */
export interface Page {
  readonly first?: number
  /** 100 if it is left out */
  readonly max?: number
}

/** A permission to be asked for (FedAuthz §4.1) */
export interface PermissionRequest {
  readonly resource: string
  readonly scopes?: readonly string[]
  /** Pushed claims, for the policies to look at */
  readonly claims?: Readonly<Record<string, readonly string[]>>
}

/** What an owner has been asked for, or has granted: one row for resource, scope and requester (wire §4) */
export interface StoredTicket {
  readonly id: string
  readonly resource: string
  /** An id; none where all of the resource is meant */
  readonly scope?: string
  readonly owner: string
  readonly requester: string
  readonly granted: boolean
  /** These four with `returnNames` */
  readonly scopeName?: string
  readonly resourceName?: string
  readonly ownerName?: string
  readonly requesterName?: string
}

/** Which of them; every member narrows */
export interface TicketQuery {
  readonly resourceId?: string
  readonly scopeId?: string
  readonly owner?: string
  readonly requester?: string
  readonly granted?: boolean
  readonly returnNames?: boolean
}

/** One to be made; of `requester` and `requesterName`, one */
export interface NewTicket {
  readonly resource: string
  readonly scopeName: string
  readonly requester?: string
  readonly requesterName?: string
  readonly granted?: boolean
}

/**
 * A policy that an owner writes for a resource (wire §5). Beware: what is created with several names needs all of them
 * under `UNANIMOUS`, which is the default; `AFFIRMATIVE` is what "shared with Bob and Carol" means.
 */
export interface PolicyDescription {
  readonly name: string
  readonly description?: string
  readonly scopes?: readonly string[]
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
  readonly roles?: readonly string[]
  readonly clients?: readonly string[]
  readonly condition?: string
  readonly logic?: 'POSITIVE' | 'NEGATIVE'
  readonly decisionStrategy?: 'UNANIMOUS' | 'AFFIRMATIVE' | 'CONSENSUS'
}

/** A policy as it is kept */
export interface Policy extends PolicyDescription {
  readonly id: string
  readonly owner?: string
}

/** Which policies; every member narrows */
export interface PolicyQuery {
  readonly name?: string
  readonly resource?: string
  readonly scope?: string
}

/** What introspection says of a token (FedAuthz §5.1.1, RFC 7662 §2.2), with the wire's names */
export interface Introspected {
  readonly active: boolean
  readonly permissions?: readonly {
    readonly rsid?: string
    readonly resource_id?: string
    readonly rsname?: string
    readonly scopes?: readonly string[]
    readonly resource_scopes?: readonly string[]
    readonly exp?: number
  }[]
  readonly exp?: number
  readonly sub?: string
  readonly [name: string]: unknown
}
