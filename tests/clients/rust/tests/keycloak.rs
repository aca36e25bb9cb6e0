//! Crate `keycloak`: an administrator makes a realm with people and roles and reads them back.

use countersign_clients::{Failure, administrator, realm};
use keycloak::types::{RealmRepresentation, RoleRepresentation, UserRepresentation};

#[tokio::test]
async fn people_and_roles_are_made_read_and_removed() -> Result<(), Failure> {
    let admin = administrator().await?;
    let name = realm(&admin).await?;
    let realm = admin.realm(&name);

    let carol = UserRepresentation { username: Some("carol".into()), ..UserRepresentation::default() };
    let id = realm.users_post(carol).await?.to_id().map(ToOwned::to_owned).ok_or("no id")?;
    realm.roles_post(RoleRepresentation { name: Some("editor".into()), ..RoleRepresentation::default() }).await?;
    let editor = realm.roles_with_role_name_get("editor").await?;
    realm.users_with_user_id_role_mappings_realm_post(&id, vec![editor]).await?;
    let roles = realm.users_with_user_id_role_mappings_realm_get(&id).await?;
    assert!(roles.iter().any(|role| role.name.as_deref() == Some("editor")));

    let found = realm.users_get().username("carol".to_owned()).exact(true).await?;
    assert_eq!(found.len(), 1);
    realm.users_with_user_id_delete(&id).await?;
    assert!(realm.users_get().username("carol".to_owned()).exact(true).await?.is_empty());

    let again = RealmRepresentation { realm: Some(name.clone()), ..RealmRepresentation::default() };
    assert!(admin.post(again).await.is_err(), "the name is taken");
    realm.delete().await?;
    assert!(realm.get().await.is_err());
    Ok(())
}
