use serde_json::json;

use crate::support::Fixture;

#[tokio::test]
async fn deleted_is_gone_and_says_its_size() {
    let fixture = Fixture::start().await;
    fixture.put("/3,01637037d6", "five!").await.assert_status(201);
    let deleted = fixture.delete("/3,01637037d6").await;
    assert_eq!((deleted.status.as_u16(), deleted.json()), (202, json!({"size": 5})));
    fixture.get("/3,01637037d6").await.assert_refused(404, "not found");
    let again = fixture.delete("/3,01637037d6").await;
    assert_eq!((again.status.as_u16(), &again.json()["size"]), (404, &json!(0)));
    fixture.put("/3,01637037d6", "back").await.assert_status(201);
    assert_eq!(fixture.get("/3,01637037d6").await.body, "back");
}
