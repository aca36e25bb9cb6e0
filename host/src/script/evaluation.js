// What a policy sees: Keycloak's `$evaluation` (wire §8.8), for reading only.
//
// `subject` is the document of one evaluation, `act` what reaches outside of it: `say(permits)`, `claim(name, value)` and
// `ask(question)`, which all take and give texts and truth values. Everything else a script finds is a view that cannot be
// changed: reading gives values, writing throws.
(function (subject, act) {
    'use strict';
    const { hasOwn, keys, defineProperty } = Object;
    const facts = JSON.parse(subject);

    function refuse() {
        throw new TypeError('the evaluation is for reading only');
    }

    const still = {
        set: refuse, defineProperty: refuse, deleteProperty: refuse, setPrototypeOf: refuse, preventExtensions: refuse,
    };
    const mutator = /^(set|add|remove|update|put|clear)/;

    // Members of Java objects are also read as properties: `resource.name` is `resource.getName()`.
    function model(methods, entry) {
        return new Proxy(methods, {
            ...still,
            get(target, name) {
                if (typeof name !== 'string') return target[name];
                if (hasOwn(target, name)) return target[name];
                const found = entry === undefined ? undefined : entry(name);
                if (found !== undefined) return found;
                const rest = name.charAt(0).toUpperCase() + name.slice(1);
                for (const prefix of ['get', 'is']) {
                    if (hasOwn(target, prefix + rest)) return target[prefix + rest]();
                }
                return mutator.test(name) ? refuse : target[name];
            },
        });
    }

    function iterator(values) {
        let place = 0;
        return { hasNext: () => place < values.length, next: () => values[place++] };
    }

    // A Java collection that is also an array
    function list(values) {
        const methods = {
            size: () => values.length,
            isEmpty: () => values.length === 0,
            get(place) {
                if (!(place >= 0 && place < values.length)) throw new RangeError('no element ' + place);
                return values[place];
            },
            contains: (value) => values.includes(value),
            containsAll: (others) => Array.from(others).every((value) => values.includes(value)),
            iterator: () => iterator(values),
            toArray: () => values.slice(),
        };
        return new Proxy(values, {
            ...still,
            get(target, name) {
                if (typeof name === 'string' && hasOwn(methods, name)) return methods[name];
                return typeof name === 'string' && name !== 'length' && mutator.test(name) ? refuse : target[name];
            },
        });
    }

    // A Java map from texts; `map['a']` is `map.get('a')`
    function map(entries, view) {
        const value = (name) => (hasOwn(entries, name) ? view(entries[name]) : null);
        const pair = (name) => model({ getKey: () => name, getValue: () => value(name) });
        return model({
            get: value,
            getOrDefault: (name, other) => (hasOwn(entries, name) ? value(name) : other),
            containsKey: (name) => hasOwn(entries, name),
            size: () => keys(entries).length,
            isEmpty: () => keys(entries).length === 0,
            keySet: () => list(keys(entries)),
            values: () => list(keys(entries).map(value)),
            entrySet: () => list(keys(entries).map(pair)),
            forEach: (call) => keys(entries).forEach((name) => call(name, value(name))),
        }, (name) => (hasOwn(entries, name) ? value(name) : undefined));
    }

    function number(text, pattern) {
        if (!pattern.test(text)) throw new TypeError('not a number');
        return Number(text);
    }

    const whole = /^[+-]?\d+$/;
    const decimal = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

    function entry(name, values) {
        const at = (place) => {
            if (!(place >= 0 && place < values.length)) throw new RangeError('no value ' + place + ' of ' + name);
            return values[place];
        };
        return model({
            size: () => values.length,
            isEmpty: () => values.length === 0,
            asString: at,
            asInt: (place) => number(at(place), whole),
            asLong: (place) => number(at(place), whole),
            asDouble: (place) => number(at(place), decimal),
        });
    }

    function attributes(entries) {
        return model({
            toMap: () => map(entries, list),
            exists: (name) => hasOwn(entries, name),
            containsValue: (name, value) => hasOwn(entries, name) && entries[name].includes(String(value)),
            getValue: (name) => (hasOwn(entries, name) ? entry(name, entries[name]) : null),
        });
    }

    function fields(of, more) {
        const methods = { ...more };
        for (const name of keys(of)) {
            methods['get' + name.charAt(0).toUpperCase() + name.slice(1)] = () => of[name];
        }
        return methods;
    }

    const server = model(fields(facts.server));
    const scopes = (all) => list(all.map((scope) => model(fields(scope))));

    function resource(of) {
        if (of === null) return null;
        const { attributes, scopes: own, uris, ownerManagedAccess, ...plain } = of;
        return model(fields(plain, {
            getUri: () => (uris.length > 0 ? uris[0] : null),
            getUris: () => list(uris),
            getScopes: () => scopes(own),
            getResourceServer: () => server,
            isOwnerManagedAccess: () => ownerManagedAccess,
            isFetched: () => false,
            getAttributes: () => map(attributes, list),
            getAttribute: (name) => (hasOwn(attributes, name) ? list(attributes[name]) : null),
            getSingleAttribute: (name) => (hasOwn(attributes, name) ? attributes[name][0] : null),
        }));
    }

    const identity = model({
        getId: () => facts.identity.id,
        getAttributes: () => attributes(facts.identity.attributes),
        hasRealmRole: (role) => identity.getAttributes().containsValue('kc.realm.roles', role),
        hasClientRole: (client, role) =>
            identity.getAttributes().containsValue('kc.client.' + client + '.roles', role),
        hasOneClientRole: (client, ...roles) => roles.flat().some((role) => identity.hasClientRole(client, role)),
    });

    const context = model({
        getIdentity: () => identity,
        getAttributes: () => attributes(facts.context),
    });

    const claims = facts.claims;
    const asked = resource(facts.resource);
    const permission = model({
        getResource: () => asked,
        getScopes: () => scopes(facts.scopes),
        getResourceServer: () => server,
        getClaims: () => map(claims, list),
        addClaim(name, value) {
            act.claim(String(name), String(value));
            const known = hasOwn(claims, name) ? claims[name] : [];
            const values = known.includes(String(value)) ? known : [...known, String(value)];
            defineProperty(claims, name, { value: values, enumerable: true, configurable: true });
            return true;
        },
    });

    // Questions about people and groups; what nobody knows is no
    function ask(name, ...given) {
        return JSON.parse(act.ask(JSON.stringify({ [name]: given })));
    }

    function known(answer, user) {
        if (answer === null) throw new TypeError('no such user: ' + user);
        return answer;
    }

    const realm = model({
        isUserInGroup: (user, group, parents) => ask('isUserInGroup', String(user), String(group), parents !== false),
        isUserInRealmRole: (user, role) => ask('isUserInRealmRole', String(user), String(role)),
        isUserInClientRole: (user, client, role) =>
            ask('isUserInClientRole', String(user), String(client), String(role)),
        isGroupInRole: (group, role) => ask('isGroupInRole', String(group), String(role)),
        getUserRealmRoles: (user) => list(known(ask('getUserRealmRoles', String(user)), user)),
        getUserClientRoles: (user, client) =>
            list(known(ask('getUserClientRoles', String(user), String(client)), user)),
        getUserGroups: (user) => list(known(ask('getUserGroups', String(user)), user)),
        getUserAttributes: (user) => map(known(ask('getUserAttributes', String(user)), user), list),
    });

    let said = false;
    const say = (permits) => {
        said = true;
        act.say(permits);
    };
    const policy = model(fields(facts.policy));
    const evaluation = model({
        getPermission: () => permission,
        getContext: () => context,
        getRealm: () => realm,
        getPolicy: () => policy,
        grant: () => say(true),
        deny: () => say(false),
        denyIfNoEffect: () => (said ? undefined : say(false)),
    });

    // Texts and numbers are also Java's.
    const java = {
        equals(other) { return this.valueOf() === (other === null || other === undefined ? other : other.valueOf()); },
    };
    const text = {
        ...java,
        equalsIgnoreCase(other) {
            return typeof other === 'string' && this.toLowerCase() === other.toLowerCase();
        },
        contains(part) { return this.includes(part); },
        isEmpty() { return this.length === 0; },
        matches(pattern) { return new RegExp('^(?:' + pattern + ')$', 's').test(this); },
    };
    for (const [type, methods] of [[String, text], [Number, java], [Boolean, java]]) {
        for (const name of keys(methods)) {
            defineProperty(type.prototype, name, { value: methods[name] });
        }
    }
    defineProperty(globalThis, 'print', { value: () => undefined });
    defineProperty(globalThis, '$evaluation', { value: evaluation });
})
